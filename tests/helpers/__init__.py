"""What the tests share: clones, servers, made-up results."""
