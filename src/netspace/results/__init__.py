"""L2: what a study has shown so far, computed once for all who show it; results of others are read here."""
