"""Topics and replies that go elsewhere, in GraphQL."""
