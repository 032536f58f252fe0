"""What goes in: prices and orders, read or drawn."""
