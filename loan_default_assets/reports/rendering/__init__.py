"""Reports for people, rendered from the figures alone: messages in two languages, blocks, charts and pages."""
