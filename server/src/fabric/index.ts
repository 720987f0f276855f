export { type Fabric, type FabricEvents, LocalFabric } from './fabric.ts';
