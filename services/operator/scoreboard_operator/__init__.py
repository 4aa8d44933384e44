"""The operator: resources of the cluster become boards, kinds, policies and seasons, through the API alone."""
