"""How knowledge stays right, in GraphQL: ideas' status, articles' review."""
