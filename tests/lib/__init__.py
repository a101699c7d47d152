"""What all test drivers share; see guests.py, outcome.py and tap.py."""
