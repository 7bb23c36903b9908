"""Bytes from elsewhere: verified downloads from the web and from object stores, and photographs listed by address."""
