"""What carries published events between processes."""
