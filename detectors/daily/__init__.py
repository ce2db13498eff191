"""What a day brought to each bay: peak and its time, energy, load factor, voltage and frequency, interruptions."""
