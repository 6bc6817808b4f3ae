"""What can be seen of the whole: status and tallies from storage, the map from the contracts."""
