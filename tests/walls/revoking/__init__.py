"""People who lose something, and every way they had to it, asked again and again from then on.

Each loss happens in a community of its own, to a person of its own; what is lost has a word that
nothing else has, so a way is open as long as its answer holds the word, an id or a count of it.
"""
