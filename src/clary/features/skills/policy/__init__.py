"""Pure decisions about skills: names, front matter, what a scan finds, what an approval needs."""
