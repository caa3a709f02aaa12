"""What `make run` starts on a laptop: engines, OpenID providers, services, gateway, demo data."""
