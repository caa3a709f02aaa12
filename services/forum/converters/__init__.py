"""Domain objects as protobuf messages and back, and Markdown as safe HTML; pure functions."""
