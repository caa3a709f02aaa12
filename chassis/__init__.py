"""The runtime every process shares: no business noun lives here."""
