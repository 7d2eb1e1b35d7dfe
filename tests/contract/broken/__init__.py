"""A small healthy task, and components that each break the contract in one way: what the checks are tried on."""
