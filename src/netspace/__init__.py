"""netspace."""
