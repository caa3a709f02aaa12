"""Random worlds: a plain model of who may see what, and the real house that must agree with it."""
