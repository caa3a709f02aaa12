"""The laptop's OpenID providers: real ones, one process, one issuer for each company."""
