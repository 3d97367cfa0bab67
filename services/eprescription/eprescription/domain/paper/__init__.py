"""The prescription on paper: words of French law, fonts, layout."""
