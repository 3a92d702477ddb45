"""One module a method: its ENDPOINT, and the stages of its pipeline. The router finds them by itself."""
