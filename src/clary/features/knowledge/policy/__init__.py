"""Pure decisions about knowledge: how texts are cut, how findings are ranked."""
