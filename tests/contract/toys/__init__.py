"""Components that the house was not built for: each fits without an edit anywhere else."""
