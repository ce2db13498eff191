"""From Ethernet to TCP in order: who is there, who talks to whom, what each side says."""
