"""The demonstration: a simulated substation, a broker, a link that can be cut, the gateway, and a proof of delivery."""
