"""Small programs that use the project as a stranger would; each is run by a test. See README.md."""
