/** Routes of the fake server for what agents are made of: tools, skills, MCP servers, versions, memory. */
export function addWorkshop() {}
