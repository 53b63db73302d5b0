"""Commands about Skerry itself."""
