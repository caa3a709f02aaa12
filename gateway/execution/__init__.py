"""Operations, from their text to their answer: looked up, priced, compiled, executed."""
