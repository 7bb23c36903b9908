"""What a network makes of photographs before it names them."""
