"""Pure decisions of the slice: what may be asked and answered, and which calls need a person's word."""
