"""What search does: finds, suggests, keeps synonyms, projects what others own."""
