"""What notifications does: it lists whom to write to, and sends."""
