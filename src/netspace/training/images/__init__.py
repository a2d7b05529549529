"""Everything about images: where they come from, how they are decoded and split, how they are augmented."""
