"""One layer in one direction: the recurrent cells, what they share, and the choice among them."""
