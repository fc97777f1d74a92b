"""From detected communities to charters: groups that could be founded, with whom, where, when."""
