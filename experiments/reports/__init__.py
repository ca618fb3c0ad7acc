"""What a sweep has shown, as tables and pictures: Markdown, LaTeX, CSV and a page."""
