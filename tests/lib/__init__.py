"""What all test drivers share; see guests.py, run.py and tap.py."""
