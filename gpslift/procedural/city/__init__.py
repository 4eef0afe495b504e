"""Cities made by rule: streets, buildings, water, parks and landmarks in their true places, and people with phones."""
