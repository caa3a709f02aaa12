"""What can be found, how it is asked for, and which words stand for each other."""
