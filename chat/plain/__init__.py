"""The conversation line by line, without an alternate screen: for screen readers, pipes and slow links."""
