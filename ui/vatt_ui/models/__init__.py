"""Qt item models over cues, takes and jobs."""
