"""The comparison with people, for sets that came with human judgements of their photographs; see docs/people.md."""
