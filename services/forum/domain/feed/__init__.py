"""What a person follows, keeps and has read, and how their feed is ranked; one module a concern."""
