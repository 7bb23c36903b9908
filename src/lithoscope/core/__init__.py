"""No domain: errors, random streams, files, text, threads and the stage runner."""
