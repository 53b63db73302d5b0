"""From what a user asked for (`types.CreateOptions`) to what a container is (`ContainerRecord`)."""
