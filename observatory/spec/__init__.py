"""What the AsyncAPI documents say: files and references in, one catalogue out."""
