"""Other frameworks at the light loop's work, written as their documentation would, in an environment of their own."""
