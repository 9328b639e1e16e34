"""What explainers share."""
