"""Contact sheets, drawn pixel by pixel."""
