"""Models whose predictions come with a number of rows that cannot change them, whatever the attack."""
