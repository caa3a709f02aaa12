"""The demo data: two vendors' communities, two partner companies, and the people of the README."""
